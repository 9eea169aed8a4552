// Loaded into a broker process in front of it: what it does after a minute, it does after six seconds.
const timers = require('node:timers')
const { setTimeout } = timers
timers.setTimeout = (action, ms, ...rest) => setTimeout(action, ms === 60_000 ? 6_000 : ms, ...rest)
require('node:module').syncBuiltinESMExports()
