/** Pages for people: a list of the routes, and the command-line tool that works over HTTP. */
import type { FastifyInstance } from 'fastify'
import { adminScript } from './admin-script.ts'
import type { DescribedRoute } from './schemas/openapi.ts'

const TYPE = 'text/html; charset=utf-8'

/** @param prefix of the URLs that clients see */
export function servePages(app: FastifyInstance, routes: readonly DescribedRoute[], prefix: string): void {
  for (const [from, to] of [
    ['/api', '/api/index.html'],
    ['/stats', '/api/index.html'],
    ['/doc/stats.html', '/api/index.html'],
    ['/cli', '/cli/index.html'],
    ['/mgmt', '/'],
    ['/index.html', '/'],
  ] as const)
    app.get(from, async (_request, reply) => reply.code(301).header('location', `${prefix}${to}`).send())
  let list: string | undefined
  app.get('/api/index.html', async (_request, reply) => {
    list ??= listOfRoutes(routes)
    return reply.type(TYPE).send(list)
  })
  app.get('/cli/rabbitmqadmin', async (_request, reply) =>
    reply.type('application/octet-stream').send(adminScript),
  )
  app.get('/cli/index.html', async (_request, reply) => reply.type(TYPE).send(page('Command line', cliText)))
}

const cliText = `
<p><code>npx leveret ctl --url http://USER:PASSWORD@HOST:15672 list_queues</code> runs rabbitmqctl's commands over HTTP, and
<code>leveret ctl help</code> lists them. Where there is only Python, <a href="rabbitmqadmin"><code>rabbitmqadmin</code></a> does
what RabbitMQ's program of that name does most; that works, too.</p>
`

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Leveret: ${title}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color-scheme:light dark}td,th{padding:.1rem .8rem .1rem 0;text-align:left;vertical-align:top}</style>
</head>
<body><h1>${title}</h1>${body}</body>
</html>
`
}

function listOfRoutes(routes: readonly DescribedRoute[]): string {
  const rows = routes.map(
    ({ method, path, tag, doc }) =>
      `<tr><td>${method}</td><td><code>/api/${escaped(path)}</code></td><td>${tag}</td><td>${escaped(doc.summary)}</td></tr>`,
  )
  return page(
    'HTTP API',
    `<p>Also as <a href="openapi.json">OpenAPI</a>. Each route needs a login, and the tag in the third column.</p>
<table><tr><th>Method</th><th>Path</th><th>Tag</th><th>What it is for</th></tr>
${rows.join('\n')}
</table>`,
  )
}
