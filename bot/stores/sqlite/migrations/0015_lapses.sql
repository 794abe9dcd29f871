-- Version 15: when schedules started last, and what was expected of them and did not happen.
create table watches (
    schedule_id text primary key, plan text not null, since text not null, last_start text
) strict, without rowid;

create table lapses (
    id text primary key, kind text not null, schedule text not null, since text not null,
    found_at text not null, allowed text not null, usual text, run_id text not null, state text not null,
    over_at text, missed integer not null, schedule_id text not null
) strict;
create index lapses_of_state on lapses (state, found_at)
