select "abandon_turn"($1) as result;
-- returns:
--   result text
