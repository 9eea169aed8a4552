<?php
// php-amqplib: publish with confirms, then consume with prefetch and dead-letter one message.
require_once '/usr/share/php/PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

[, $phase, $port, $queue] = $argv;
function check(bool $ok, string $what): void
{
    if (!$ok) {
        fwrite(STDERR, "failed: $what\n");
        exit(1);
    }
}
$connection = new AMQPStreamConnection('127.0.0.1', (int) $port, 'guest', 'guest');
$channel = $connection->channel();
$dead = "$queue.dead";
$channel->queue_declare($dead, false, true, false, false);
$channel->queue_declare($queue, false, true, false, false, false, new AMQPTable([
    'x-dead-letter-exchange' => '',
    'x-dead-letter-routing-key' => $dead,
]));
if ($phase === 'publish') {
    $channel->confirm_select();
    for ($i = 0; $i < 20; $i++) {
        $message = new AMQPMessage((string) $i, ['delivery_mode' => 2]);
        $message->set('application_headers', new AMQPTable(['n' => $i]));
        $channel->basic_publish($message, '', $queue);
    }
    $channel->wait_for_pending_acks(10);
} else {
    $channel->basic_qos(0, 5, false);
    $seen = [];
    $channel->basic_consume($queue, '', false, false, false, false, function (AMQPMessage $m) use (&$seen) {
        $seen[] = (int) $m->getBody();
        check($m->get('application_headers')->getNativeData() === ['n' => (int) $m->getBody()], 'headers');
        $m->getBody() === '7' ? $m->reject(false) : $m->ack();
    });
    while (count($seen) < 20) {
        $channel->wait(null, false, 10);
    }
    check($seen === range(0, 19), 'order');
    do {
        $m = $channel->basic_get($dead, true);
    } while ($m === null);
    $death = $m->get('application_headers')->getNativeData()['x-death'][0];
    check($m->getBody() === '7' && $death['reason'] === 'rejected', 'dead letter');
}
$channel->close();
$connection->close();
