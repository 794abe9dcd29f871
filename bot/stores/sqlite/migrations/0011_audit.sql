-- Version 11: the audit, an entry for each request. An entry with an outcome never changes.
create table audit (
    number integer primary key, id text not null unique, at text not null, channel text not null,
    actor text not null, organization text not null, place text not null, place_name text not null,
    said text not null, command text not null, schedule_id text not null, schedule_name text not null,
    run_id text not null, allowed integer not null, rule text not null, outcome text not null,
    detail text not null, address text not null, actor_id text not null, actor_name text not null
) strict;
create index audit_newest on audit (at, number);
create index audit_of_schedule on audit (schedule_id, at) where schedule_id <> '';
create index audit_of_schedule_name on audit (schedule_name, at) where schedule_name <> '';
create index audit_of_actor on audit (actor_id, at) where actor_id <> '';
create index audit_of_actor_name on audit (actor_name, at) where actor_name <> ''
