// Runs once, on an empty volume: the bots and workers get a user that may use their own database and nothing else.
// Name and password are those of their URL.
const url = new URL(require("fs").readFileSync("/run/secrets/DINGRUN_STORE__URL", "utf8").trim());
db.getSiblingDB("dingrun").createUser({
  user: decodeURIComponent(url.username),
  pwd: decodeURIComponent(url.password),
  roles: [{ role: "readWrite", db: "dingrun" }],
});
