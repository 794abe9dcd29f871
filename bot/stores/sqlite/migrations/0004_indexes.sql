-- Version 4: what is asked of a long history stays a walk along an index.
create index reports_newest on reports (made_at desc);
create index jobs_of_state on jobs (state, created_at);
