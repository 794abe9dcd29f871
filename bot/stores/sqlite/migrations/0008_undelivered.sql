-- Version 8: what did not arrive is asked for as such.
alter table jobs add column replaced_by text not null default '';
create index jobs_undelivered on jobs (state, created_at)
    where replaced_by = '' and state in ('dead', 'unconfirmed');
