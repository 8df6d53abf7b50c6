select "finish_turn"($1) as result;
