-- Version 5: what did not arrive is asked for as such, and what ended lately by its time.
alter table jobs add column replaced_by text not null default '';
create index jobs_undelivered on jobs (state, created_at)
    where replaced_by = '' and state in ('dead', 'unconfirmed');
create index jobs_ended on jobs (ended_at) where ended_at is not null;
