update "sessions" set "title" = $1, "metadata" = $2 where "id" = $3 and "user_id" = $4 returning *;
