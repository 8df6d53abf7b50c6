select "user_id" from "sessions" where "id" = $1;
