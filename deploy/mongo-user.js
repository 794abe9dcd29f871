// Runs once, on an empty volume: the bots and workers get a user that may use their own database and nothing else.
db.getSiblingDB("dingrun").createUser({
  user: "dingrun",
  pwd: process.env.DINGRUN_PASSWORD,
  roles: [{ role: "readWrite", db: "dingrun" }],
});
