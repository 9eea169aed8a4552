/** What it takes to judge why a cluster of processes is not as it should be, for whoever reads the output of a failed test. */
import type { BrokerOfCluster, RealCluster } from './real-cluster.ts'

const LOG_LINES = 25
const MEBIBYTE = 1024 * 1024

/** What the questions of the test itself leave in the logs. */
const NOISE = /HTTP login refused|Healthcheck failed/

const lastLines = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .filter((l) => !NOISE.test(l))
    .slice(-LOG_LINES)

/** The fields of nats-server's answers that tell something; the names are its own. */
interface Routes {
  readonly routes?: readonly {
    readonly rid: number
    readonly remote_name: string
    readonly did_solicit: boolean
    readonly pending_size: number
    readonly in_msgs: number
    readonly out_msgs: number
    readonly idle: string
  }[]
}

interface JetStream {
  readonly disabled?: boolean
  readonly meta_cluster?: object
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string
      readonly state: Record<string, unknown>
      readonly cluster?: object
      readonly consumer_detail?: readonly { readonly name: string; readonly num_pending: number }[]
    }[]
  }[]
}

export async function clusterReport(cluster: RealCluster): Promise<string> {
  const brokers = await Promise.all(cluster.brokers.map(broker))
  const servers = await Promise.all([...Array(cluster.engines.count).keys()].map((i) => server(cluster, i)))
  return [`Report of ${new Date().toISOString()}`, ...brokers.flat(), ...servers.flat(), ''].join('\n')
}

function ending({ child, stopped }: BrokerOfCluster): string {
  if (child === undefined) return 'not started'
  if (child.exitCode === null && child.signalCode === null) return `runs as ${child.pid}`
  return `has ended (${child.signalCode ?? child.exitCode})${stopped ? ', as it was told' : ' by itself'}`
}

async function broker(b: BrokerOfCluster): Promise<string[]> {
  const s = await b.status()
  const lines = [`== node ${b.name}: ${ending(b)}; ${room(b.disk?.freeBytes)}`]
  if (s === undefined) lines.push('   it does not answer')
  else {
    const nodes = s.nodes.map(
      (n) => `${n.name} ${n.state}${n.active ? '*' : ''} ${n.applied} (-${n.lag_records})`,
    )
    lines.push(
      `   active ${s.active || 'none'}, epoch ${s.epoch}, takeovers ${s.takeovers}, problem '${s.problem}'`,
      `   nodes: ${nodes.join(', ')}`,
      `   log ${s.log.first} to ${s.log.last}, ${s.log.bytes} octets`,
      `   engine ${JSON.stringify(s.engine)}`,
    )
  }
  return [...lines, ...lastLines(b.said).map((l) => `   | ${l}`)]
}

function room(bytes: number | undefined): string {
  return bytes === undefined ? 'no disk of its own' : `${(bytes / MEBIBYTE).toFixed(0)} MiB free`
}

async function server({ engines }: RealCluster, i: number): Promise<string[]> {
  const [health, routes, js] = (await Promise.all(
    ['/healthz', '/routez', '/jsz?accounts=true&streams=true&consumers=true&raft=true'].map((path) =>
      engines.ask(i, path),
    ),
  )) as [unknown, Routes | undefined, JetStream | undefined]
  const pid = engines.pid(i)
  const free = room(engines.freeBytes(i))
  const lines = [`== server n${i}: ${pid === undefined ? 'does not run' : `runs as ${pid}`}; ${free}`]
  lines.push(`   health ${JSON.stringify(health)}`)
  for (const r of routes?.routes ?? [])
    lines.push(
      `   route ${r.rid} ${r.did_solicit ? 'to' : 'from'} ${r.remote_name}: pending ${r.pending_size}, in ${r.in_msgs}, out ${r.out_msgs}, idle ${r.idle}`,
    )
  if (js?.disabled === true) lines.push('   JetStream is turned off')
  lines.push(`   meta ${JSON.stringify(js?.meta_cluster)}`)
  for (const s of js?.account_details?.flatMap((a) => a.stream_detail ?? []) ?? []) {
    lines.push(`   stream ${s.name}: ${JSON.stringify(s.state)}`, `     ${JSON.stringify(s.cluster)}`)
    for (const c of s.consumer_detail ?? []) lines.push(`     reader ${c.name}: ${c.num_pending} pending`)
  }
  return [...lines, ...lastLines(engines.said(i)).map((l) => `   | ${l}`)]
}
