-- Version 3: links to reports and their downloads. A link is used as often as it has downloads.
create table links (
    id text primary key, run_id text not null, sha256 text not null, cause text not null,
    made_at text not null, expires_at text not null, most integer not null, revoked_at text
) strict;
create index links_of_run on links (run_id, made_at desc);

create table downloads (
    number integer primary key, link_id text not null, run_id text not null, at text not null,
    address text not null, agent text not null
) strict;
create index downloads_of_link on downloads (link_id);
create index downloads_of_run on downloads (run_id, at desc);
