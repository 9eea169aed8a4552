/** Which seeds the tests run; `npm run torture -- model --seeds 100000` for more. */

/** Twice as many as reach every mark. */
export const SEEDS = 40
/** Those behind them run with the tests of faults. */
export const MORE_SEEDS = 110
export const STEPS = 200
