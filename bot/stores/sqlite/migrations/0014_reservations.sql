-- Version 14: reservations of keys. Runs have their place among those of their schedule, by start time.
create table reservations (
    key text primary key, owner text not null, since text not null, until text not null, details text not null
) strict, without rowid;
create index reservations_expired on reservations (until);
alter table runs add column ordinal integer not null default 0;
update runs set ordinal = counted.place from (
    select id, row_number() over (partition by schedule_id order by start_time, rowid) as place from runs
) as counted where counted.id = runs.id;
create index runs_counted on runs (schedule_id, ordinal)