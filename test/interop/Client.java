// RabbitMQ's Java client: publish with confirms, then consume with prefetch and dead-letter one message.
import com.rabbitmq.client.*;
import java.util.*;
import java.util.concurrent.*;

public class Client {
    static void check(boolean ok, String what) {
        if (!ok) throw new IllegalStateException(what);
    }

    public static void main(String[] args) throws Exception {
        String phase = args[0], queue = args[2], dead = queue + ".dead";
        ConnectionFactory factory = new ConnectionFactory();
        factory.setPort(Integer.parseInt(args[1]));
        Connection connection = factory.newConnection();
        Channel channel = connection.createChannel();
        channel.queueDeclare(dead, true, false, false, null);
        Map<String, Object> arguments = new HashMap<>();
        arguments.put("x-dead-letter-exchange", "");
        arguments.put("x-dead-letter-routing-key", dead);
        channel.queueDeclare(queue, true, false, false, arguments);
        if (phase.equals("publish")) publish(channel, queue);
        else consume(channel, queue, dead);
        connection.close();
    }

    static void publish(Channel channel, String queue) throws Exception {
        channel.confirmSelect();
        for (int i = 0; i < 20; i++) {
            AMQP.BasicProperties p = new AMQP.BasicProperties.Builder()
                .deliveryMode(2).headers(Map.of("n", i)).build();
            channel.basicPublish("", queue, true, p, String.valueOf(i).getBytes());
        }
        channel.waitForConfirmsOrDie(10_000);
    }

    static void consume(Channel channel, String queue, String dead) throws Exception {
        channel.basicQos(5);
        List<Integer> seen = new ArrayList<>();
        CountDownLatch done = new CountDownLatch(20);
        channel.basicConsume(queue, false, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope e, AMQP.BasicProperties p, byte[] body)
                throws java.io.IOException {
                int n = Integer.parseInt(new String(body));
                seen.add(n);
                check(p.getHeaders().get("n").equals(n), "headers");
                if (n == 7) channel.basicNack(e.getDeliveryTag(), false, false);
                else channel.basicAck(e.getDeliveryTag(), false);
                done.countDown();
            }
        });
        check(done.await(20, TimeUnit.SECONDS), "twenty deliveries");
        for (int i = 0; i < 20; i++) check(seen.get(i) == i, "order");
        GetResponse r = null;
        while (r == null) r = channel.basicGet(dead, true);
        List<?> deaths = (List<?>) r.getProps().getHeaders().get("x-death");
        check(new String(r.getBody()).equals("7"), "dead letter");
        check(((Map<?, ?>) deaths.get(0)).get("reason").toString().equals("rejected"), "x-death");
    }
}
