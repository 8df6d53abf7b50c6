select "begin_turn"($1) as result;
