/** Keys of the HTTP API and of the metrics endpoint. */
import { octets } from '../util/sizes.ts'
import type { Apply, ConfigBuilder, HttpListenerDraft } from './config-builder.ts'
import { tlsKeysOf } from './keys-tls.ts'
import { brief } from './parse.ts'
import { address, boolean, integer, oneOf } from './values.ts'

const PORT_MAX = 65_535

function listenerKeys(prefix: string, where: (d: ConfigBuilder) => HttpListenerDraft): Record<string, Apply> {
  return {
    [`${prefix}.tcp.port`]: (d, v) => {
      where(d).port = integer(v, 0, PORT_MAX)
    },
    [`${prefix}.tcp.ip`]: (d, v) => {
      where(d).bind = v
    },
    [`${prefix}.ssl.port`]: (d, v) => {
      where(d).tlsPort = integer(v, 0, PORT_MAX)
    },
    [`${prefix}.ssl.ip`]: (d, v) => {
      where(d).tlsBind = v
    },
    ...tlsKeysOf(`${prefix}.ssl`, (d) => where(d).tls),
  }
}

const header =
  (name: string): Apply =>
  (d, v) => {
    d.http.headers[name] = v
  }

/** @throws Error */
function url(text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text)) throw new Error(`expected a URL, found '${text}'`)
  return text
}

/** Normalizes a path prefix: `/rabbit` for `rabbit/`, `/rabbit` and so on. */
function prefixOf(text: string): string {
  const path = text.replace(/^\/+|\/+$/g, '')
  return path === '' ? '' : `/${path}`
}

export const httpKeys: Readonly<Record<string, Apply>> = {
  ...listenerKeys('management', (d) => d.management),
  ...listenerKeys('prometheus', (d) => d.metrics),
  // The older syntax: a single listener that is either plain or TLS.
  'management.listener.port': (d, v) => {
    d.management.oldPort = integer(v, 0, PORT_MAX)
  },
  'management.listener.ip': (d, v) => {
    d.management.oldBind = v
  },
  'management.listener.ssl': (d, v) => {
    d.management.oldTls = boolean(v)
  },
  'management.listener.ssl_opts': (_, v) => void oneOf(v, ['none']),
  ...tlsKeysOf('management.listener.ssl_opts', (d) => d.management.tls),
  'management.path_prefix': (d, v) => {
    d.http.pathPrefix = prefixOf(v)
  },
  'management.http.max_body_size': (d, v) => {
    const max = octets(v)
    if (max < 1 || !Number.isSafeInteger(max)) throw new Error(`expected a size above 0, found '${brief(v)}'`)
    d.http.bodyBytesMax = max
  },
  'management.oauth_enabled': (d, v) => {
    d.oauthLogin.enabled = boolean(v)
  },
  'management.oauth_client_id': (d, v) => {
    d.oauthLogin.clientId = v
  },
  'management.oauth_provider_url': (d, v) => {
    d.oauthLogin.providerUrl = url(v)
  },
  'management.oauth_scopes': (d, v) => {
    d.oauthLogin.scopes = v
  },
  'auth_oauth2.token_endpoint': (d, v) => {
    d.oauthLogin.tokenEndpoint = url(v)
  },
  'management.cors.allow_origins.*': (d, v) => {
    d.http.cors.allowOrigins.push(v)
  },
  'management.cors.allow_origins': (_, v) => void oneOf(v, ['none']),
  'management.cors.max_age': (d, v) => {
    d.http.cors.maxAgeSeconds = v === 'undefined' ? 0 : integer(v, 0, Number.MAX_SAFE_INTEGER)
  },
  'management.disable_stats': (d, v) => {
    d.http.disableStats = boolean(v)
  },
  'management.enable_queue_totals': (d, v) => {
    d.http.enableQueueTotals = boolean(v)
  },
  'management_agent.disable_metrics_collector': (d, v) => {
    d.http.disableStats = boolean(v)
  },
  'management.csp.policy': header('content-security-policy'),
  'management.hsts.policy': header('strict-transport-security'),
  'management.headers.content_type_options': header('x-content-type-options'),
  'management.headers.referrer_policy': header('referrer-policy'),
  'management.headers.frame_options': header('x-frame-options'),
  'management.headers.xss_protection': header('x-xss-protection'),
  'prometheus.tcp.listener': (d, v) => {
    if (v === 'none') d.metrics.port = undefined
    else Object.assign(d.metrics, address(v))
  },
  'prometheus.path': (d, v) => {
    d.metricsPath = prefixOf(v)
  },
  'prometheus.return_per_object_metrics': (d, v) => {
    d.metricsPerObject = boolean(v)
  },
}
