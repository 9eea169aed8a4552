/**
 * The Python program that `/cli/rabbitmqadmin` serves, for machines that have only Python. Its commands are those of
 * RabbitMQ's rabbitmqadmin.
 */
export const adminScript = String.raw`#!/usr/bin/env python3
"""Administers Leveret or RabbitMQ over the HTTP API.

  rabbitmqadmin [options] list WHAT [COLUMN ...]      e.g. list queues vhost name messages
  rabbitmqadmin [options] show overview [COLUMN ...]
  rabbitmqadmin [options] declare THING NAME=VALUE ...
  rabbitmqadmin [options] delete THING NAME=VALUE ...
  rabbitmqadmin [options] purge queue name=NAME
  rabbitmqadmin [options] close connection name=NAME
  rabbitmqadmin [options] publish routing_key=KEY [exchange=X] [payload=TEXT] [payload_encoding=string] [properties=JSON]
  rabbitmqadmin [options] get queue=NAME [count=1] [ackmode=ack_requeue_true] [encoding=auto]
  rabbitmqadmin [options] export FILE | import FILE

THING is exchange (name type), queue (name), binding (source destination), vhost (name), user (name password tags),
permission (vhost user configure write read), policy (name pattern definition), operator_policy, parameter
(component name value), vhost_limit (vhost name value). Without payload, publish reads it from the standard input.

~/.rabbitmqadmin.conf, or the file of --config, may have the options under the name of --node, e.g. "hostname = host".
"""
import argparse, base64, configparser, json, os, ssl, sys, urllib.error, urllib.parse, urllib.request

# The names of the options in configuration files that have others there.
renamed = {'host': 'hostname', 'vhost': 'declare_vhost'}

def options():
    p = argparse.ArgumentParser(usage=__doc__, add_help=True)
    p.add_argument('-c', '--config', default=None)
    p.add_argument('-N', '--node', default='default')
    p.add_argument('-H', '--host', default='localhost')
    p.add_argument('-P', '--port', type=int, default=15672)
    p.add_argument('--path-prefix', default='')
    p.add_argument('-V', '--vhost', default=None)
    p.add_argument('-u', '--username', default='guest')
    p.add_argument('-p', '--password', default='guest')
    p.add_argument('-U', '--base-uri', default=None)
    p.add_argument('-t', '--request-timeout', type=float, default=120)
    p.add_argument('-s', '--ssl', action='store_true')
    p.add_argument('-k', '--ssl-insecure', action='store_true')
    p.add_argument('--ssl-disable-hostname-verification', action='store_true')
    p.add_argument('--ssl-ca-cert-file', default=None)
    p.add_argument('--ssl-cert-file', default=None)
    p.add_argument('--ssl-key-file', default=None)
    p.add_argument('-q', '--quiet', action='store_true')
    p.add_argument('-S', '--sort', default=None)
    p.add_argument('-R', '--sort-reverse', action='store_true')
    p.add_argument('-d', '--depth', default=None, help='accepted: every level is shown')
    p.add_argument('-f', '--format', default='table', choices=['table', 'tsv', 'long', 'kvp', 'raw_json', 'pretty_json', 'bash'])
    p.add_argument('words', nargs='+')
    # What the command line says wins over the file.
    p.set_defaults(**configured(p))
    o = p.parse_args()
    if o.words[0] == 'help':
        p.print_help()
        sys.exit(0)
    return o

def configured(p):
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument('-c', '--config', default=None)
    chosen.add_argument('-N', '--node', default='default')
    o, _ = chosen.parse_known_args([w for w in sys.argv[1:] if w not in ('-h', '--help')])
    file = o.config or os.path.expanduser('~/.rabbitmqadmin.conf')
    c = configparser.ConfigParser(interpolation=None)
    if o.config and not os.path.isfile(file):
        p.error('there is no file %s' % file)
    try:
        c.read(file)
    except configparser.Error as e:
        p.error('%s: %s' % (file, e))
    if not c.has_section(o.node):
        if o.config or o.node != 'default':
            p.error('%s has no section [%s]' % (file, o.node))
        return {}
    found = {}
    for name, usual in vars(p.parse_known_args(['x'])[0]).items():
        key = renamed.get(name, name)
        if name not in ('words', 'config', 'node') and c.has_option(o.node, key):
            found[name] = c.getboolean(o.node, key) if isinstance(usual, bool) else c.get(o.node, key)
    return found

class Failed(Exception):
    pass

class Api:
    def __init__(self, o):
        scheme = 'https' if o.ssl else 'http'
        self.base = (o.base_uri or '%s://%s:%d%s' % (scheme, o.host, o.port, o.path_prefix)).rstrip('/') + '/api/'
        self.login = 'Basic ' + base64.b64encode(('%s:%s' % (o.username, o.password)).encode()).decode()
        self.context = ssl.create_default_context(cafile=o.ssl_ca_cert_file) if o.ssl else None
        if o.ssl and (o.ssl_insecure or o.ssl_disable_hostname_verification):
            self.context.check_hostname = False
        if o.ssl and o.ssl_insecure:
            self.context.verify_mode = ssl.CERT_NONE
        if o.ssl and o.ssl_cert_file:
            self.context.load_cert_chain(o.ssl_cert_file, o.ssl_key_file)
        self.timeout = o.request_timeout

    def call(self, method, path, body=None):
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        r = urllib.request.Request(self.base + path, data=data, method=method)
        r.add_header('authorization', self.login)
        r.add_header('content-type', 'application/json')
        try:
            with urllib.request.urlopen(r, context=self.context, timeout=self.timeout) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as e:
            text = e.read().decode()
            try:
                text = str(json.loads(text).get('reason', text))
            except ValueError:
                pass
            raise Failed('%d: %s' % (e.code, text))
        except (urllib.error.URLError, OSError) as e:
            raise Failed('Could not connect: %s' % e)

def quote(text):
    return urllib.parse.quote(text, '')

def settings(words, needed, usual):
    given = dict(usual)
    for w in words:
        name, equals, value = w.partition('=')
        if not equals:
            raise Failed('%s must be NAME=VALUE' % w)
        given[name] = value
    missing = [n for n in needed if given.get(n) is None]
    if missing:
        raise Failed('mandatory argument %s' % ', '.join('"%s"' % m for m in missing))
    return given

def as_json(value):
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise Failed('%s is not JSON' % value)

# What each thing needs, what is usual, its path, and which of its settings are JSON.
THINGS = {
    'exchange': (['name', 'type'], {'durable': 'true', 'auto_delete': 'false', 'internal': 'false', 'arguments': '{}'}, 'exchanges/{vhost}/{name}', ['arguments', 'durable', 'auto_delete', 'internal']),
    'queue': (['name'], {'durable': 'true', 'auto_delete': 'false', 'arguments': '{}'}, 'queues/{vhost}/{name}', ['arguments', 'durable', 'auto_delete']),
    'vhost': (['name'], {}, 'vhosts/{name}', ['tracing']),
    'user': (['name', 'tags'], {}, 'users/{name}', []),
    'permission': (['vhost', 'user', 'configure', 'write', 'read'], {}, 'permissions/{vhost}/{user}', []),
    'policy': (['name', 'pattern', 'definition'], {'priority': '0', 'apply-to': 'all'}, 'policies/{vhost}/{name}', ['definition', 'priority']),
    'operator_policy': (['name', 'pattern', 'definition'], {'priority': '0', 'apply-to': 'queues'}, 'operator-policies/{vhost}/{name}', ['definition', 'priority']),
    'parameter': (['component', 'name', 'value'], {}, 'parameters/{component}/{vhost}/{name}', ['value']),
    'vhost_limit': (['name', 'value'], {}, 'vhost-limits/{vhost}/{name}', ['value']),
}

def path_of(template, s):
    return template.format(**{k: quote(str(v)) for k, v in s.items()})

def change(api, o, verb, thing, words):
    vhost = {'vhost': o.vhost or '/'}
    if thing == 'binding':
        s = settings(words, ['source', 'destination'], dict(vhost, destination_type='queue', routing_key='', arguments='{}', properties_key=None))
        path = path_of('bindings/{vhost}/e/{source}/', s) + ('e/' if s['destination_type'] == 'exchange' else 'q/') + quote(s['destination'])
        if verb == 'PUT':
            return api.call('POST', path, {'routing_key': s['routing_key'], 'arguments': as_json(s['arguments'])})
        return api.call('DELETE', path + '/' + quote(s['properties_key'] or s['routing_key'] or '~'))
    if thing == 'connection':
        return api.call('DELETE', 'connections/' + quote(settings(words, ['name'], {})['name']))
    if thing not in THINGS:
        raise Failed('%s is none of %s' % (thing, ', '.join(list(THINGS) + ['binding'])))
    needed, usual, path, json_names = THINGS[thing]
    parts = [n for n in needed if '{%s}' % n in path]
    s = settings(words, needed if verb == 'PUT' else parts, dict(usual, **({} if thing in ('vhost', 'user', 'permission') else vhost)))
    if verb == 'DELETE':
        return api.call('DELETE', path_of(path, s))
    body = {k: as_json(v) if k in json_names else v for k, v in s.items() if '{%s}' % k not in path}
    return api.call('PUT', path_of(path, s), body)

def cell(value):
    return '' if value is None else json.dumps(value) if isinstance(value, (dict, list, bool)) else str(value)

def flat(row, prefix=''):
    out = {}
    for k, v in row.items():
        if isinstance(v, dict) and k not in ('arguments', 'definition', 'client_properties'):
            out.update(flat(v, prefix + k + '.'))
        else:
            out[prefix + k] = v
    return out

def show(o, text, columns):
    if o.format == 'raw_json':
        return print(text)
    rows = json.loads(text)
    if o.format == 'pretty_json':
        return print(json.dumps(rows, indent=2, sort_keys=True))
    rows = [flat(r) for r in (rows if isinstance(rows, list) else [rows])]
    if not columns:
        columns = [c for c in ('vhost', 'name') if any(c in r for r in rows)]
        columns += sorted({k for r in rows for k in r} - set(columns))
    cells = [[cell(r.get(c)) for c in columns] for r in rows]
    if o.format == 'bash':
        print(' '.join(r[columns.index('name')] for r in cells if 'name' in columns))
    elif o.format == 'tsv':
        for line in [columns] + cells:
            print('\t'.join(line))
    elif o.format == 'kvp':
        for r in cells:
            print(' '.join('%s="%s"' % pair for pair in zip(columns, r)))
    elif o.format == 'long':
        for r in cells:
            print('\n' + '\n'.join('%s: %s' % pair for pair in zip(columns, r)))
    elif not cells:
        print('No items')
    else:
        widths = [max(len(x[i]) for x in [columns] + cells) for i in range(len(columns))]
        rule = '+' + '+'.join('-' * (w + 2) for w in widths) + '+'
        line = lambda r: '|' + '|'.join(' %s ' % v.ljust(w) for v, w in zip(r, widths)) + '|'
        print('\n'.join([rule, line(columns), rule] + [line(r) for r in cells] + [rule]))

def run(o):
    api = Api(o)
    say = (lambda *a: None) if o.quiet else print
    verb, words = o.words[0], o.words[1:]
    if verb in ('list', 'show'):
        if not words:
            raise Failed('%s what?' % verb)
        what, columns = words[0].replace('_', '-'), words[1:]
        query = {k: v for k, v in (('columns', ','.join(columns)), ('sort', o.sort), ('sort_reverse', 'true' if o.sort_reverse else None)) if v}
        below = what in ('queues', 'exchanges', 'bindings', 'policies', 'operator-policies', 'consumers', 'vhost-limits')
        path = what + ('/' + quote(o.vhost) if o.vhost and below else '')
        show(o, api.call('GET', path + ('?' + urllib.parse.urlencode(query) if query else '')), columns)
    elif verb in ('declare', 'delete', 'close'):
        if not words:
            raise Failed('%s what?' % verb)
        change(api, o, 'PUT' if verb == 'declare' else 'DELETE', words[0], words[1:])
        say('%s %sd' % (words[0], {'declare': 'declare', 'delete': 'delete', 'close': 'close'}[verb]))
    elif verb == 'purge':
        s = settings(words[1:], ['name'], {'vhost': o.vhost or '/'})
        api.call('DELETE', path_of('queues/{vhost}/{name}/contents', s))
        say('queue purged')
    elif verb == 'publish':
        s = settings(words, ['routing_key'], {'exchange': 'amq.default', 'payload': None, 'payload_encoding': 'string', 'properties': '{}', 'vhost': o.vhost or '/'})
        payload = sys.stdin.read() if s['payload'] is None else s['payload']
        body = {'routing_key': s['routing_key'], 'payload': payload, 'payload_encoding': s['payload_encoding'], 'properties': as_json(s['properties'])}
        routed = json.loads(api.call('POST', path_of('exchanges/{vhost}/{exchange}/publish', s), body))['routed']
        say('Message published' if routed else 'Message published but NOT routed')
    elif verb == 'get':
        s = settings(words, ['queue'], {'count': '1', 'ackmode': 'ack_requeue_true', 'encoding': 'auto', 'vhost': o.vhost or '/'})
        body = {'count': int(s['count']), 'ackmode': s['ackmode'], 'encoding': s['encoding']}
        columns = ['routing_key', 'exchange', 'message_count', 'payload', 'payload_bytes', 'payload_encoding', 'redelivered']
        show(o, api.call('POST', path_of('queues/{vhost}/{queue}/get', s), body), columns)
    elif verb in ('export', 'import') and len(words) == 1:
        path = 'definitions' + ('/' + quote(o.vhost) if o.vhost else '')
        if verb == 'export':
            with open(words[0], 'w') as f:
                f.write(api.call('GET', path))
        else:
            with open(words[0], 'rb') as f:
                api.call('POST', path, f.read())
        say('%sed definitions %s %s' % (verb.capitalize(), 'to' if verb == 'export' else 'from', words[0]))
    else:
        raise Failed('there is no command %s; see --help' % verb)

if __name__ == '__main__':
    try:
        run(options())
    except (Failed, OSError, ValueError) as e:
        print('*** %s' % e, file=sys.stderr)
        sys.exit(1)
`
