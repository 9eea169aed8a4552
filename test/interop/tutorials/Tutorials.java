// The steps of RabbitMQ's seven tutorials with the Java client, as their readers write them; names get a prefix.
import com.rabbitmq.client.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;

public class Tutorials {
    static final Map<String, Object> QUORUM = Map.of("x-queue-type", "quorum");
    static Connection connection;
    static Channel channel;
    static String prefix;

    static void expect(Object found, Object wanted, String what) {
        if (!found.equals(wanted)) throw new IllegalStateException(what + ": " + found + " instead of " + wanted);
    }

    static byte[] octets(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    /** A consumer that puts what comes into a list. */
    static Consumer into(Channel ch, BlockingQueue<String> bodies, boolean ack) {
        return new DefaultConsumer(ch) {
            @Override
            public void handleDelivery(String tag, Envelope e, AMQP.BasicProperties p, byte[] body)
                throws java.io.IOException {
                bodies.add(new String(body, StandardCharsets.UTF_8));
                if (ack) ch.basicAck(e.getDeliveryTag(), false);
            }
        };
    }

    /** The next bodies of a queue, in order. */
    static List<String> take(String queue, int count) throws Exception {
        BlockingQueue<String> bodies = new LinkedBlockingQueue<>();
        String tag = channel.basicConsume(queue, true, into(channel, bodies, false));
        List<String> found = next(bodies, count);
        channel.basicCancel(tag);
        return found;
    }

    static List<String> next(BlockingQueue<String> bodies, int count) throws Exception {
        List<String> found = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String body = bodies.poll(10, TimeUnit.SECONDS);
            if (body == null) throw new IllegalStateException("only " + found + " of " + count);
            found.add(body);
        }
        return found;
    }

    static String receiver(String exchange, String... keys) throws Exception {
        String queue = channel.queueDeclare().getQueue();
        for (String key : keys) channel.queueBind(queue, exchange, key);
        return queue;
    }

    static void hello() throws Exception {
        channel.queueDeclare(prefix + "hello", true, false, false, QUORUM);
        channel.basicPublish("", prefix + "hello", null, octets("Hello World!"));
        expect(take(prefix + "hello", 1), List.of("Hello World!"), "hello");
    }

    static void workQueues() throws Exception {
        String tasks = prefix + "task_queue";
        channel.queueDeclare(tasks, true, false, false, QUORUM);
        List<BlockingQueue<String>> done = List.of(new LinkedBlockingQueue<>(), new LinkedBlockingQueue<>());
        for (BlockingQueue<String> mine : done) {
            Channel worker = connection.createChannel();
            worker.basicQos(1);
            worker.basicConsume(tasks, false, into(worker, mine, true));
        }
        for (int n = 0; n < 6; n++)
            channel.basicPublish("", tasks, MessageProperties.PERSISTENT_TEXT_PLAIN, octets("task " + n));
        for (int i = 0; done.get(0).size() + done.get(1).size() < 6; i++) {
            if (i == 200) throw new IllegalStateException("tasks are left: " + done);
            Thread.sleep(50);
        }
        Set<String> all = new TreeSet<>(done.get(0));
        all.addAll(done.get(1));
        expect(all.size(), 6, "tasks");
        expect(done.get(0).isEmpty() || done.get(1).isEmpty(), false, "a worker had nothing");
    }

    static void publishAndSubscribe() throws Exception {
        String logs = prefix + "logs";
        channel.exchangeDeclare(logs, "fanout");
        List<String> subscribers = List.of(receiver(logs, ""), receiver(logs, ""));
        channel.basicPublish(logs, "", null, octets("info: Hello World!"));
        for (String q : subscribers) expect(take(q, 1), List.of("info: Hello World!"), "logs");
    }

    static void routing() throws Exception {
        String logs = prefix + "direct_logs";
        channel.exchangeDeclare(logs, "direct");
        String disk = receiver(logs, "error"), screen = receiver(logs, "info", "warning", "error");
        for (String severity : List.of("info", "warning", "error", "debug"))
            channel.basicPublish(logs, severity, null, octets(severity));
        expect(take(disk, 1), List.of("error"), "errors");
        expect(take(screen, 3), List.of("info", "warning", "error"), "the screen");
    }

    static void topics() throws Exception {
        String logs = prefix + "topic_logs";
        channel.exchangeDeclare(logs, "topic");
        String every = receiver(logs, "#"), kernel = receiver(logs, "kern.*"), critical = receiver(logs, "*.critical");
        List<String> keys = List.of("kern.critical", "kern.info", "cron.critical", "a.b.c");
        for (String key : keys) channel.basicPublish(logs, key, null, octets(key));
        expect(take(every, 4), keys, "everything");
        expect(take(kernel, 2), keys.subList(0, 2), "the kernel");
        expect(take(critical, 2), List.of("kern.critical", "cron.critical"), "critical");
    }

    static int fibonacci(int n) {
        return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
    }

    static void remoteCalls() throws Exception {
        Channel serving = connection.createChannel();
        String rpc = prefix + "rpc_queue";
        serving.queueDeclare(rpc, true, false, false, QUORUM);
        serving.basicQos(1);
        serving.basicConsume(rpc, false, new DefaultConsumer(serving) {
            @Override
            public void handleDelivery(String tag, Envelope e, AMQP.BasicProperties p, byte[] body)
                throws java.io.IOException {
                AMQP.BasicProperties reply = new AMQP.BasicProperties.Builder().correlationId(p.getCorrelationId()).build();
                int n = Integer.parseInt(new String(body));
                serving.basicPublish("", p.getReplyTo(), reply, octets(String.valueOf(fibonacci(n))));
                serving.basicAck(e.getDeliveryTag(), false);
            }
        });
        String callback = channel.queueDeclare().getQueue();
        BlockingQueue<String> answers = new LinkedBlockingQueue<>();
        channel.basicConsume(callback, true, into(channel, answers, false));
        AMQP.BasicProperties request =
            new AMQP.BasicProperties.Builder().correlationId("call").replyTo(callback).build();
        channel.basicPublish("", rpc, request, octets("12"));
        expect(next(answers, 1), List.of("144"), "the answer");
    }

    static void confirms() throws Exception {
        Channel confirming = connection.createChannel();
        confirming.confirmSelect();
        ConcurrentNavigableMap<Long, String> outstanding = new ConcurrentSkipListMap<>();
        confirming.addConfirmListener(new ConfirmListener() {
            @Override
            public void handleAck(long tag, boolean multiple) {
                if (multiple) outstanding.headMap(tag, true).clear();
                else outstanding.remove(tag);
            }

            @Override
            public void handleNack(long tag, boolean multiple) {
                throw new IllegalStateException("nack " + tag);
            }
        });
        String queue = confirming.queueDeclare().getQueue();
        for (int n = 0; n < 50; n++) {
            outstanding.put(confirming.getNextPublishSeqNo(), String.valueOf(n));
            confirming.basicPublish("", queue, null, octets(String.valueOf(n)));
        }
        confirming.waitForConfirmsOrDie(10_000);
        for (int i = 0; !outstanding.isEmpty(); i++) {
            if (i == 200) throw new IllegalStateException("not confirmed: " + outstanding);
            Thread.sleep(50);
        }
        expect(confirming.messageCount(queue), 50L, "confirmed messages");
    }

    public static void main(String[] args) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost("localhost");
        factory.setPort(Integer.parseInt(args[0]));
        prefix = args[1];
        connection = factory.newConnection();
        channel = connection.createChannel();
        hello();
        workQueues();
        publishAndSubscribe();
        routing();
        topics();
        remoteCalls();
        confirms();
        connection.close();
    }
}
