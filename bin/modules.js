// Makes dist/vendor and dist/program from what the compiler has written to dist. A program of its own, because the bundler
// leaves some 200 MB in the process that loads it, and `npm start` turns into the broker after the build.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.js'
import { useVendored, vendor } from './vendor.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
await vendor(root)
useVendored(root, join(root, 'dist'), 'mjs')
await bundle(root)
