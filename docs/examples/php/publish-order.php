<?php
// Publish one paid order with rdkafka, flix-tech/avro-php and the .avsc file.
//   php publish-order.php BROKER REGISTRY FULL_TOPIC AVSC ORDER_ID
require __DIR__ . '/vendor/autoload.php';

const TYPE = 'org.openedx.commerce.order.paid.v1';
[, $broker, $registry, $topic, $path, $orderId] = $argv;
$text = file_get_contents($path);
$now = gmdate('Y-m-d\TH:i:s') . '.000000+00:00'; // always six digits and +00:00

/** This library wants every optional field to be named; what is not said is null. */
function complete(AvroSchema $schema, mixed $value): mixed
{
    return match (true) {
        $value === null || is_scalar($value) => $value,
        $schema instanceof AvroUnionSchema => complete(end($branches = $schema->schemas()), $value),
        $schema instanceof AvroArraySchema => array_map(fn($item) => complete($schema->items(), $item), $value),
        default => array_combine(
            array_map(fn($field) => $field->name(), $schema->fields()),
            array_map(fn($field) => complete($field->type(), $value[$field->name()] ?? null), $schema->fields()),
        ),
    };
}

$schema = AvroSchema::parse($text);
$out = new AvroStringIO();
(new AvroIODatumWriter($schema))->write(complete($schema, ['order' => [
    'source' => 'shop', 'order_id' => $orderId, 'order_key' => "shop:$orderId", 'order_number' => $orderId,
    'revision' => 0, 'paid_at' => $now, 'occurred_at' => $now, 'is_test' => false, 'email_opt_in' => false,
    'learner' => ['email' => 'learner@example.com', 'email_verified' => true],
    'lines' => [['line_id' => '1', 'product_kind' => 'course_seat', 'course_key' => 'course-v1:Demo+X+2026',
        'mode' => 'verified', 'quantity' => 1]],
]]), new AvroIOBinaryEncoder($out));

$answer = file_get_contents("$registry/subjects/$topic-" . TYPE . '.CloudEvent/versions', false, stream_context_create([
    'http' => ['method' => 'POST', 'header' => 'Content-Type: application/vnd.schemaregistry.v1+json',
        'content' => json_encode(['schema' => $text]), 'timeout' => 10],
])) ?: throw new RuntimeException('the registry did not answer');
$value = pack('CN', 0, json_decode($answer)->id) . $out->string();

$error = 'no answer';
$conf = new RdKafka\Conf();
$conf->set('bootstrap.servers', $broker);
$conf->set('enable.idempotence', 'true'); // and acks=all with it
$conf->set('partitioner', 'murmur2_random'); // as Java
$conf->setDrMsgCb(function ($producer, $message) use (&$error) {
    $error = $message->err ? rd_kafka_err2str($message->err) : null;
    echo $message->err ? '' : "$message->topic_name $message->partition $message->offset\n";
});
$producer = new RdKafka\Producer($conf);
$headers = ['ce_type' => TYPE, 'ce_id' => sprintf('%s-%s-4%s-8%s-%s', ...array_map(
    fn($bytes) => substr(bin2hex(random_bytes(8)), 0, $bytes), [8, 4, 3, 3, 12]))];
$producer->newTopic($topic)->producev(RD_KAFKA_PARTITION_UA, 0, $value, "shop:$orderId", $headers); // the key: plain UTF-8
$producer->flush(30_000);
if ($error !== null) { // the broker did not take it: keep the order and send again
    throw new RuntimeException($error);
}
