-- Version 1. Columns carry the names of the fields in bot/models.py, nested values are JSON.
create table runs (
    id text primary key, cause text not null, schedule text not null, trigger text not null,
    start_time text not null, asked_by text, asked_in text, task_ids text not null, status text not null,
    push_status text not null, export_status text not null, end_time text, error_msg text not null,
    export_error text not null, tally text, failures text not null,
    schedule_id text not null, schedule_name text not null
) strict;
create index runs_newest on runs (start_time desc);
create index runs_of_schedule on runs (schedule_id, start_time desc);
create index runs_open on runs (start_time desc) where status = 'running';

create table jobs (
    id text primary key, kind text not null, run_id text not null, payload text not null,
    created_at text not null, due_at text not null, state text not null, attempts integer not null,
    failures integer not null, owner text not null, lease_until text, marker integer not null,
    error text not null, result text not null, ended_at text
) strict;
create index jobs_waiting on jobs (kind, due_at) where state = 'todo';
create index jobs_doing on jobs (kind, lease_until) where state = 'doing';
create index jobs_of_run on jobs (run_id, created_at);
create index jobs_of_kind on jobs (kind, state, created_at);

create table reports (
    run_id text primary key, schedule_id text not null, schedule_name text not null, path text not null,
    name text not null, size integer not null, sha256 text not null, made_at text not null,
    rows integer not null, media_id text not null
) strict;
create index reports_of_schedule on reports (schedule_id, made_at desc);

create table facts (key text primary key, value text not null) strict, without rowid;

create table tasks (
    number integer primary key, id text not null unique, run_id text not null, target text not null,
    ports text not null, status text not null, reason text not null, start_time text, end_time text,
    found text not null, owner text not null default '', lease_until text
) strict;
create index tasks_of_run on tasks (run_id);
create index tasks_waiting on tasks (number) where status = 'waiting';
create index tasks_running on tasks (lease_until) where status = 'running';

create table assets (
    kind text not null, task_id text not null, key text not null, document text not null,
    primary key (kind, task_id, key)
) strict, without rowid;
