/** The certificates of all TLS servers of the process, which are reloaded together. */
import { createSecureContext, type SecureContext, type TlsOptions, type Server as TlsServer } from 'node:tls'
import { contextOf, type TlsSettings } from './tls.ts'
import { readPair } from './tls-files.ts'

export class Certificates {
  private readonly servers = new Map<TlsServer, TlsSettings>()

  /**
   * Adds a server that has its default certificate, and gives it the certificates of other host names.
   * @param options from `contextOf`, with which the server was made
   * @throws StartError if the certificate of a host cannot be used
   */
  add(server: TlsServer, settings: TlsSettings, options: TlsOptions): void {
    useHosts(server, hostsOf(settings, options))
    this.servers.set(server, settings)
  }

  remove(server: TlsServer): void {
    this.servers.delete(server)
  }

  /**
   * Reads the files of all servers and returns a function that puts them to use. Open connections keep their
   * certificates.
   * @throws StartError if any cannot be used; nothing has changed then
   */
  read(): () => void {
    const found = Array.from(this.servers, ([server, settings]) => {
      const options = contextOf(settings)
      // Throws if certificate and key are valid but do not belong together.
      createSecureContext(options)
      return { server, options, hosts: hostsOf(settings, options) }
    })
    return () => {
      for (const { server, options, hosts } of found) {
        server.setSecureContext(options)
        useHosts(server, hosts)
      }
    }
  }
}

type Hosts = readonly { readonly host: string; readonly context: SecureContext }[]

/**
 * Makes the contexts of other host names. Each needs the server's authorities: without them it would accept clients'
 * certificates from the authorities that Node.js trusts for the web.
 */
function hostsOf({ prefix = '', hosts = [] }: TlsSettings, options: TlsOptions): Hosts {
  const { ca, secureOptions, minVersion } = options
  return hosts.map(({ host, certfile, keyfile }) => {
    const key = `${prefix}sni of ${host}`
    const pair = readPair({ key, file: certfile }, { key, file: keyfile })
    return { host, context: createSecureContext({ ...pair, ca, secureOptions, minVersion }) }
  })
}

/** Node.js searches later contexts before earlier ones, so these replace those of the same hosts. */
function useHosts(server: TlsServer, hosts: Hosts): void {
  for (const { host, context } of hosts) server.addContext(host, context)
}
