insert into "sessions" ("id", "user_id", "title", "metadata") values ($1, $2, $3, $4) returning *;
