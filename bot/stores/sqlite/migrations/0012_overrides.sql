-- Version 12: what people changed about schedules in the chat, and why a run was not notified of.
create table overrides (
    schedule_id text primary key,
    version integer not null,
    notify text,
    mute text,
    acknowledgement text
) without rowid;
alter table runs add column muted text
