#!/usr/bin/env node
import { loadFrom, loadGently } from '../dist/util/load.js'

loadFrom(new URL('../dist/', import.meta.url))
await loadGently('main')
const { main } = await import('../dist/main.js')
await main(process.argv.slice(2))
