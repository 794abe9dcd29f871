-- Version 16: documents of what other systems report, in collections.
create table documents (
    number integer primary key, collection text not null, id text not null, owner text not null,
    due text, version integer not null, data text not null, unique (collection, id)
) strict;
create index documents_of_owner on documents (collection, owner, number);
create index documents_due on documents (collection, due) where due is not null
