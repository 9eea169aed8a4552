import { expect, it } from 'vitest'
import { rows } from '../../src/broker/arguments/table.ts'
import { LEVERETS } from '../../src/cli/migrate/differences.ts'

it('a move to RabbitMQ tells of every argument that RabbitMQ does not have', () => {
  const extensions = rows.filter((r) => r.extension).map((r) => r.name.replace(/^x-/, ''))
  expect([...LEVERETS].sort()).toEqual(extensions.sort())
})
