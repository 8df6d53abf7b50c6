select "begin_turn"($1) as result;
-- returns:
--   result json
