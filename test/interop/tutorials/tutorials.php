<?php
// The steps of RabbitMQ's seven tutorials with php-amqplib, as their readers write them; names get a prefix.
require_once '/usr/share/php/PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

[, $port, $prefix] = $argv;

function expect($found, $wanted, string $what): void
{
    if ($found === $wanted) {
        return;
    }
    fwrite(STDERR, "$what: " . json_encode($found) . ' instead of ' . json_encode($wanted) . "\n");
    exit(1);
}

/** The next bodies of a queue, in order. */
function take($channel, string $queue, int $count): array
{
    $bodies = [];
    $tag = $channel->basic_consume($queue, '', false, true, false, false, function (AMQPMessage $m) use (&$bodies) {
        $bodies[] = $m->getBody();
    });
    while (count($bodies) < $count) {
        $channel->wait(null, false, 10);
    }
    $channel->basic_cancel($tag);
    return $bodies;
}

function receiver($channel, string $exchange, array $keys): string
{
    [$queue] = $channel->queue_declare('', false, false, true, false);
    foreach ($keys as $key) {
        $channel->queue_bind($queue, $exchange, $key);
    }
    return $queue;
}

$connection = new AMQPStreamConnection('localhost', (int) $port, 'guest', 'guest');
$channel = $connection->channel();
$quorum = new AMQPTable(['x-queue-type' => 'quorum']);

// One: hello, world.
$hello = $prefix . 'hello';
$channel->queue_declare($hello, false, true, false, false, false, $quorum);
$channel->basic_publish(new AMQPMessage('Hello World!'), '', $hello);
expect(take($channel, $hello, 1), ['Hello World!'], 'hello');

// Two: work queues.
$tasks = $prefix . 'task_queue';
$channel->queue_declare($tasks, false, true, false, false, false, $quorum);
$done = [[], []];
$workers = [];
foreach ([0, 1] as $n) {
    $worker = $connection->channel();
    $worker->basic_qos(0, 1, false);
    $worker->basic_consume($tasks, '', false, false, false, false, function (AMQPMessage $m) use (&$done, $n) {
        $done[$n][] = $m->getBody();
        $m->ack();
    });
    $workers[] = $worker;
}
for ($n = 0; $n < 6; $n++) {
    $properties = ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT];
    $channel->basic_publish(new AMQPMessage("task $n", $properties), '', $tasks);
}
for ($turn = 0; count($done[0]) + count($done[1]) < 6; $turn++) {
    try {
        $workers[$turn % 2]->wait(null, false, 0.2);
    } catch (PhpAmqpLib\Exception\AMQPTimeoutException $e) {
        expect($turn < 100, true, 'tasks are done');
    }
}
$all = array_merge(...$done);
sort($all);
expect($all, ['task 0', 'task 1', 'task 2', 'task 3', 'task 4', 'task 5'], 'tasks');
expect(count($done[0]) > 0 && count($done[1]) > 0, true, 'both workers had some');
foreach ($workers as $worker) {
    $worker->close();
}

// Three: publish and subscribe.
$logs = $prefix . 'logs';
$channel->exchange_declare($logs, 'fanout', false, false, false);
$subscribers = [receiver($channel, $logs, ['']), receiver($channel, $logs, [''])];
$channel->basic_publish(new AMQPMessage('info: Hello World!'), $logs);
foreach ($subscribers as $queue) {
    expect(take($channel, $queue, 1), ['info: Hello World!'], 'logs');
}

// Four: routing.
$direct = $prefix . 'direct_logs';
$channel->exchange_declare($direct, 'direct', false, false, false);
$disk = receiver($channel, $direct, ['error']);
$screen = receiver($channel, $direct, ['info', 'warning', 'error']);
foreach (['info', 'warning', 'error', 'debug'] as $severity) {
    $channel->basic_publish(new AMQPMessage($severity), $direct, $severity);
}
expect(take($channel, $disk, 1), ['error'], 'errors');
expect(take($channel, $screen, 3), ['info', 'warning', 'error'], 'the screen');

// Five: topics.
$topic = $prefix . 'topic_logs';
$channel->exchange_declare($topic, 'topic', false, false, false);
$every = receiver($channel, $topic, ['#']);
$kernel = receiver($channel, $topic, ['kern.*']);
$critical = receiver($channel, $topic, ['*.critical']);
$keys = ['kern.critical', 'kern.info', 'cron.critical', 'a.b.c'];
foreach ($keys as $key) {
    $channel->basic_publish(new AMQPMessage($key), $topic, $key);
}
expect(take($channel, $every, 4), $keys, 'everything');
expect(take($channel, $kernel, 2), ['kern.critical', 'kern.info'], 'the kernel');
expect(take($channel, $critical, 2), ['kern.critical', 'cron.critical'], 'critical');

// Six: remote procedure calls.
function fibonacci(int $n): int
{
    return $n < 2 ? $n : fibonacci($n - 1) + fibonacci($n - 2);
}
$rpc = $prefix . 'rpc_queue';
$serving = $connection->channel();
$serving->queue_declare($rpc, false, true, false, false, false, $quorum);
$serving->basic_qos(0, 1, false);
$serving->basic_consume($rpc, '', false, false, false, false, function (AMQPMessage $request) {
    $answer = new AMQPMessage((string) fibonacci((int) $request->getBody()), [
        'correlation_id' => $request->get('correlation_id'),
    ]);
    $request->getChannel()->basic_publish($answer, '', $request->get('reply_to'));
    $request->ack();
});
[$callback] = $channel->queue_declare('', false, false, true, false);
$answers = [];
$channel->basic_consume($callback, '', false, true, false, false, function (AMQPMessage $m) use (&$answers) {
    $answers[$m->get('correlation_id')] = $m->getBody();
});
$properties = ['correlation_id' => 'call-1', 'reply_to' => $callback];
$channel->basic_publish(new AMQPMessage('12', $properties), '', $rpc);
$serving->wait(null, false, 10);
$channel->wait(null, false, 10);
expect($answers, ['call-1' => '144'], 'the answer');

// Seven: publisher confirms.
$confirming = $connection->channel();
$acked = 0;
$confirming->set_ack_handler(function (AMQPMessage $m) use (&$acked) {
    $acked++;
});
$confirming->confirm_select();
[$queue] = $confirming->queue_declare('', false, false, true, false);
for ($n = 0; $n < 50; $n++) {
    $confirming->basic_publish(new AMQPMessage((string) $n), '', $queue);
    if ($n % 10 === 9) {
        $confirming->wait_for_pending_acks(10);
    }
}
expect($acked, 50, 'confirms');
expect($confirming->queue_declare($queue, true)[1], 50, 'confirmed messages');
$connection->close();
