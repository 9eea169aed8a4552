/** The integration tests of two client libraries, as requests and expectations. Runs against RabbitMQ, too. */
import { afterAll, beforeAll, describe, it } from 'vitest'
import { fresh, onOracle } from '../support/target.ts'
import { useHttp } from './target.ts'
import { type Scene, setScene } from './tool-requests/scene.ts'
import { takeStep } from './tool-requests/steps.ts'
import { type SuiteCase, suites } from './tool-requests/suites.ts'

const http = useHttp()
let scene: Scene
let clusterName: string

beforeAll(async () => {
  scene = await setScene(http)
  clusterName = (await http.get('cluster-name')).json.name
})
afterAll(async () => {
  await scene?.end()
  await http.put('cluster-name', { name: clusterName })
})

describe.each([...suites])('%s', (_, cases) => {
  it.each(cases.filter(({ beyond }) => !onOracle || beyond === undefined))(
    '$of',
    async ({ steps }: SuiteCase) => {
      const names = { ...scene.names, n: fresh('case') }
      for (const step of steps) await takeStep(http, step, names)
    },
  )
})
