-- Version 2: what calls cost by month, and the places of the gates that pace them.
create table booked (
    month text not null, bucket text not null, calls integer not null, primary key (month, bucket)
) strict, without rowid;

create table places (
    gate text not null, place integer not null, until text not null, primary key (gate, place)
) strict, without rowid;

create table gates (gate text primary key, until text not null) strict, without rowid;
