/** For Workers on the shared database: without these, tests would use up each other's caps of site and address. */
export const noSharedCaps = { DAILY_TOKENS_PER_ADDRESS: 'off', DAILY_TOKENS_PER_SITE: 'off' }
