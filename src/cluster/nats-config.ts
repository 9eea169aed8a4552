/** Configuration of nats-server for a cluster. */

export interface NatsServer {
  readonly name: string
  /** Address under which the other servers reach it. */
  readonly host: string
  readonly port: number
  readonly routePort: number
  /** Port on loopback where the server answers questions about itself, such as /healthz. */
  readonly monitorPort: number
  readonly storeDir: string
}

export interface NatsConfigOptions {
  /** Name of the NATS cluster and of the brokers' cluster. */
  readonly cluster: string
  readonly servers: readonly NatsServer[]
  /** Password of the brokers; undefined = anyone who reaches the client port, which is on loopback, may use it. */
  readonly password: string | undefined
  /** Password between the servers. */
  readonly routePassword: string | undefined
  /** Address that the client port listens on. */
  readonly bind: string
}

const USER = 'leveret'

/** The configuration of one server. */
export function natsConfig(server: NatsServer, options: NatsConfigOptions): string {
  const { cluster, servers, password, routePassword, bind } = options
  const login = routePassword === undefined ? '' : `${USER}:${encodeURIComponent(routePassword)}@`
  const routes = servers
    .filter((s) => s !== server)
    .map((s) => `    nats://${login}${s.host}:${s.routePort}`)
    .join('\n')
  const auth = (secret: string, indent: string): string =>
    `${indent}authorization { user: ${USER}, password: ${JSON.stringify(secret)} }\n`
  return `# nats-server of ${server.name}, for the cluster ${cluster} of Leveret.
server_name: ${JSON.stringify(server.name)}
# Brokers on this machine only.
listen: ${JSON.stringify(`${bind}:${server.port}`)}
# What it says about itself: curl http://127.0.0.1:${server.monitorPort}/healthz
http: "127.0.0.1:${server.monitorPort}"
max_payload: 1MB
# Slow readers are told to wait long before that.
max_pending: 256MB
${password === undefined ? '' : auth(password, '')}
jetstream {
  store_dir: ${JSON.stringify(server.storeDir)}
  # A record counts as stored once it is on the disk, not in the system's memory.
  sync_interval: always
}
${
  servers.length < 2
    ? ''
    : `
cluster {
  name: ${JSON.stringify(cluster)}
  listen: ${JSON.stringify(`0.0.0.0:${server.routePort}`)}
  # One connection to each of the others. Of several, servers that connect at the same moment may lose some for good.
  pool_size: -1
${routePassword === undefined ? '' : auth(routePassword, '  ')}  routes: [
${routes}
  ]
}
`
}`
}
