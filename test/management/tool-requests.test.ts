/** The requests that other projects' programs make, and the fields of the answers that they read. Runs against RabbitMQ, too. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onOracle } from '../support/target.ts'
import { cameTrue } from '../support/until.ts'
import { useHttp } from './target.ts'
import { administrationTools } from './tool-requests/administration.ts'
import { monitoringTools } from './tool-requests/monitoring.ts'
import { filled, type Scene, setScene } from './tool-requests/scene.ts'
import { misread, statusesOf, type ToolRequest } from './tool-requests/table.ts'

/** RabbitMQ shows what happened bit by bit; Leveret at once, but for rates. */
const SHOWN_MS_MAX = onOracle ? 20_000 : 10_000

const http = useHttp()
let scene: Scene

beforeAll(async () => {
  scene = await setScene(http)
})
afterAll(() => scene?.end())

async function ask({ ask: line, body }: ToolRequest): Promise<{ status: number; json: unknown }> {
  const [method = '', path = ''] = filled(line, scene.names).split(' ')
  return http.call(method, path, filled(body, scene.names))
}

describe.each([...monitoringTools, ...administrationTools])('$name', ({ requests }) => {
  it.each(requests.filter(({ beyond }) => !onOracle || beyond === undefined))(
    '$ask is answered with what it reads',
    async (request) => {
      let wrong: unknown[] = []
      await cameTrue(
        async () => {
          const { status, json } = await ask(request)
          wrong = statusesOf(request).includes(status)
            ? misread(json, request.reads ?? {}, filled(request.row, scene.names))
            : [status, json]
          return wrong.length === 0
        },
        SHOWN_MS_MAX,
        50,
      )
      expect(wrong).toEqual([])
    },
  )
})

describe('a node that does little', () => {
  it('is told to have used little, in the shares that plugins of Nagios compute', async () => {
    const { json: node } = await http.get(`nodes/${scene.names['node']}`)
    for (const what of ['proc', 'fd', 'sockets'])
      expect(node[`${what}_used`] / node[`${what}_total`]).toBeLessThan(0.8)
  })

  it('has the server among its applications', async () => {
    const { json: nodes } = await http.get('nodes')
    expect(nodes[0].applications).toContainEqual(
      expect.objectContaining({ name: 'rabbit', description: 'RabbitMQ', version: expect.any(String) }),
    )
    expect(nodes[0].enabled_plugins).toContain('rabbitmq_management')
  })
})

describe('what the page of RabbitMQ asks for', () => {
  it('is the churn over time, where lengths and rates of messages are, in the steps of the lengths', async () => {
    const churn = async (query: string): Promise<{ samples?: unknown[] } | undefined> =>
      (await http.get(`overview?${query}`)).json.churn_rates?.queue_declared_details
    const [lengths, rates] = ['lengths_age=60&lengths_incr=5', 'msg_rates_age=600&msg_rates_incr=60']
    expect((await churn(`${lengths}&${rates}`))?.samples).toHaveLength(13)
    for (const query of [lengths, rates, 'node_stats_age=60&node_stats_incr=5'])
      expect((await churn(query))?.samples).toBeUndefined()
  })

  it('is who has declared an exchange', async () => {
    for (const [name, user] of [
      [`${scene.names['v']}/events`, 'guest'],
      ['%2F/amq.topic', 'rmq-internal'],
    ])
      expect((await http.get(`exchanges/${name}`)).json.user_who_performed_action).toBe(user)
  })
})
