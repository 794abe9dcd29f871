-- Version 6: jobs in the order of their end, to empty the payloads of old ones.
create index jobs_ended on jobs (kind, ended_at) where ended_at is not null;
