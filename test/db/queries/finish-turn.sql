select "finish_turn"($1) as result;
-- returns:
--   result json
