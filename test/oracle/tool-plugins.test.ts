/** The requests of tools that need plugins, against a RabbitMQ that has them: what the tables say of those is true, too. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Http } from '../management/target.ts'
import { type Scene, setScene } from '../management/tool-requests/scene.ts'
import { takeStep } from '../management/tool-requests/steps.ts'
import { suites } from '../management/tool-requests/suites.ts'
import { type Oracle, startOracle } from '../support/oracle.ts'
import { fresh } from '../support/target.ts'

/** Beside those of the other files. */
const PORT = Number(process.env['LEVERET_ORACLE_PORT'] ?? 5697) + 4

const http = new Http()
let rabbit: Oracle
let scene: Scene

beforeAll(async () => {
  rabbit = await startOracle(PORT, [
    'rabbitmq_shovel',
    'rabbitmq_shovel_management',
    'rabbitmq_federation',
    'rabbitmq_federation_management',
  ])
  http.base = rabbit.http
  http.amqp = rabbit.url
  scene = await setScene(http)
})
afterAll(async () => {
  await scene?.end()
  await rabbit?.stop()
})

describe.each([...suites])('%s', (_, cases) => {
  it.each(cases.filter(({ beyond }) => beyond?.includes('plugin')))('$of', async ({ steps }) => {
    const names = { ...scene.names, n: fresh('case') }
    for (const step of steps) await takeStep(http, step, names)
  })
})

it.each(['federation-links', 'federation-links/%2F', 'shovels', 'shovels/%2F'])(
  '%s is a list',
  async (path) => {
    expect(await http.get(path)).toMatchObject({ status: 200, json: [] })
  },
)
