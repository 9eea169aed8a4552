/* librabbitmq: publish with confirms, then consume with prefetch and dead-letter one message. */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static amqp_connection_state_t connection;

static void check(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "failed: %s\n", what);
  exit(1);
}

static void replied(const char *what) {
  check(amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static amqp_bytes_t text(const char *s) { return amqp_cstring_bytes(s); }

static void declare(const char *queue, const char *dead) {
  amqp_queue_declare(connection, 1, text(dead), 0, 1, 0, 0, amqp_empty_table);
  replied("declare the queue of dead letters");
  amqp_table_entry_t entries[2];
  const char *names[] = {"x-dead-letter-exchange", "x-dead-letter-routing-key"};
  const char *values[] = {"", dead};
  for (int i = 0; i < 2; i++) {
    entries[i].key = text(names[i]);
    entries[i].value.kind = AMQP_FIELD_KIND_UTF8;
    entries[i].value.value.bytes = text(values[i]);
  }
  amqp_table_t arguments = {2, entries};
  amqp_queue_declare(connection, 1, text(queue), 0, 1, 0, 0, arguments);
  replied("declare the queue");
}

static void publish(const char *queue) {
  amqp_confirm_select(connection, 1);
  replied("confirm.select");
  for (int i = 0; i < 20; i++) {
    char body[8];
    snprintf(body, sizeof body, "%d", i);
    amqp_table_entry_t n;
    n.key = text("n");
    n.value.kind = AMQP_FIELD_KIND_I32;
    n.value.value.i32 = i;
    amqp_basic_properties_t properties;
    memset(&properties, 0, sizeof properties);
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG;
    properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
    properties.headers.num_entries = 1;
    properties.headers.entries = &n;
    check(amqp_basic_publish(connection, 1, text(""), text(queue), 1, 0, &properties, text(body)) == 0, "publish");
  }
  for (uint64_t confirmed = 0; confirmed < 20;) {
    amqp_frame_t frame;
    check(amqp_simple_wait_frame(connection, &frame) == 0, "wait for a confirm");
    check(frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "confirm");
    amqp_basic_ack_t *ack = frame.payload.method.decoded;
    confirmed = ack->multiple ? ack->delivery_tag : confirmed + 1;
  }
}

static void consume(const char *queue, const char *dead) {
  amqp_basic_qos(connection, 1, 0, 5, 0);
  replied("qos");
  amqp_basic_consume(connection, 1, text(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  replied("consume");
  for (int i = 0; i < 20; i++) {
    amqp_envelope_t e;
    struct timeval limit = {10, 0};
    amqp_maybe_release_buffers(connection);
    check(amqp_consume_message(connection, &e, &limit, 0).reply_type == AMQP_RESPONSE_NORMAL, "delivery");
    char body[8];
    snprintf(body, sizeof body, "%d", i);
    check(e.message.body.len == strlen(body) && memcmp(e.message.body.bytes, body, strlen(body)) == 0, "order");
    amqp_table_t headers = e.message.properties.headers;
    check(headers.num_entries == 1 && headers.entries[0].value.value.i32 == i, "headers");
    if (i == 7) check(amqp_basic_nack(connection, 1, e.delivery_tag, 0, 0) == 0, "nack");
    else check(amqp_basic_ack(connection, 1, e.delivery_tag, 0) == 0, "ack");
    amqp_destroy_envelope(&e);
  }
  amqp_rpc_reply_t r;
  do r = amqp_basic_get(connection, 2, text(dead), 1);
  while (r.reply_type == AMQP_RESPONSE_NORMAL && r.reply.id == AMQP_BASIC_GET_EMPTY_METHOD);
  check(r.reply_type == AMQP_RESPONSE_NORMAL, "get");
  amqp_message_t letter;
  check(amqp_read_message(connection, 2, &letter, 0).reply_type == AMQP_RESPONSE_NORMAL, "read the dead letter");
  check(letter.body.len == 1 && *(char *)letter.body.bytes == '7', "dead letter");
  int found = 0;
  for (int i = 0; i < letter.properties.headers.num_entries; i++) {
    amqp_table_entry_t *h = &letter.properties.headers.entries[i];
    if (h->key.len != 7 || memcmp(h->key.bytes, "x-death", 7) != 0) continue;
    check(h->value.kind == AMQP_FIELD_KIND_ARRAY, "x-death is an array");
    amqp_table_t death = h->value.value.array.entries[0].value.table;
    for (int j = 0; j < death.num_entries; j++)
      if (memcmp(death.entries[j].key.bytes, "reason", 6) == 0)
        found = memcmp(death.entries[j].value.value.bytes.bytes, "rejected", 8) == 0;
  }
  check(found, "x-death says rejected");
  amqp_destroy_message(&letter);
}

int main(int argc, char **argv) {
  check(argc == 4, "usage: client publish|consume PORT QUEUE");
  char dead[256];
  snprintf(dead, sizeof dead, "%s.dead", argv[3]);
  connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  check(amqp_socket_open(socket, "127.0.0.1", atoi(argv[2])) == 0, "connect");
  amqp_rpc_reply_t r = amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
  check(r.reply_type == AMQP_RESPONSE_NORMAL, "login");
  for (int channel = 1; channel <= 2; channel++) {
    amqp_channel_open(connection, channel);
    replied("open a channel");
  }
  declare(argv[3], dead);
  if (strcmp(argv[1], "publish") == 0) publish(argv[3]);
  else consume(argv[3], dead);
  check(amqp_connection_close(connection, AMQP_REPLY_SUCCESS).reply_type == AMQP_RESPONSE_NORMAL, "close");
  amqp_destroy_connection(connection);
  return 0;
}
