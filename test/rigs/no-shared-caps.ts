/** Settings for Workers over the database that all tests share, whose site and addresses would be one another's. */
export const noSharedCaps = { DAILY_TOKENS_PER_ADDRESS: 'off', DAILY_TOKENS_PER_SITE: 'off' }
