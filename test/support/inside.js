// Loaded into a broker process in front of it: says what only the process itself knows, and sets its clock.
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')
setFlagsFromString('--no-expose-gc')

const systemNow = Date.now
/** ms by which the clock of the process is wrong. */
let offset = 0
Date.now = () => systemNow() + offset

process.on('message', (asked) => {
  if (asked.offset !== undefined) offset = asked.offset
  // Twice: what finalizers let go of is collected by the next one.
  collectGarbage()
  collectGarbage()
  const { used_heap_size, external_memory } = getHeapStatistics()
  process.send?.({
    heapBytes: used_heap_size,
    externalBytes: external_memory,
    handles: process.getActiveResourcesInfo().length,
    now: Date.now(),
  })
})
process.channel?.unref()
