import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publish one paid order with a Kafka client, Apache Avro and the .avsc file.
 *
 * Arguments: broker address, registry address, full topic name, path of the .avsc, order id.
 */
public class PublishOrder {
    static final String TYPE = "org.openedx.commerce.order.paid.v1";
    // Always six digits and +00:00.
    static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSSxxx");

    public static void main(String[] arguments) throws Exception {
        String broker = arguments[0], registry = arguments[1], topic = arguments[2], orderId = arguments[4];
        String text = Files.readString(Path.of(arguments[3]));
        Schema schema = new Schema.Parser().parse(text);
        GenericRecord event = event(schema, orderId, now());

        ByteArrayOutputStream body = new ByteArrayOutputStream();
        var encoder = EncoderFactory.get().binaryEncoder(body, null);
        new GenericDatumWriter<GenericRecord>(schema).write(event, encoder);
        encoder.flush();
        byte[] value = ByteBuffer.allocate(5 + body.size())
            .put((byte) 0).putInt(schemaId(registry, topic, text)).put(body.toByteArray()).array();

        // The default partitioner is the right one. Plain UTF-8 key.
        Map<String, Object> settings = Map.of("bootstrap.servers", broker, "acks", "all", "enable.idempotence", true);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
            var message = new ProducerRecord<>(topic, "shop:" + orderId, value);
            message.headers()
                .add("ce_type", TYPE.getBytes())
                .add("ce_id", UUID.randomUUID().toString().getBytes());
            var where = producer.send(message).get();  // throws if the broker did not take it: keep the order and send again
            System.out.println(where.topic() + " " + where.partition() + " " + where.offset());
        }
    }

    static GenericRecord event(Schema schema, String orderId, String now) {
        Schema orderSchema = schema.getField("order").schema();
        GenericRecord learner = new GenericData.Record(orderSchema.getField("learner").schema());
        learner.put("email", "learner@example.com");
        learner.put("email_verified", true);

        GenericRecord line = new GenericData.Record(orderSchema.getField("lines").schema().getElementType());
        line.put("line_id", "1");
        line.put("product_kind", "course_seat");
        line.put("course_key", "course-v1:Demo+X+2026");
        line.put("mode", "verified");
        line.put("quantity", 1L);

        GenericRecord order = new GenericData.Record(orderSchema);
        order.put("source", "shop");
        order.put("order_id", orderId);
        order.put("order_key", "shop:" + orderId);
        order.put("order_number", orderId);
        order.put("revision", 0L);
        order.put("paid_at", now);
        order.put("occurred_at", now);
        order.put("is_test", false);
        order.put("email_opt_in", false);
        order.put("learner", learner);
        order.put("lines", List.of(line));

        GenericRecord event = new GenericData.Record(schema);
        event.put("order", order);
        return event;
    }

    static String now() {
        return TIME.format(Instant.now().atOffset(ZoneOffset.UTC));
    }

    /** Register the schema, or find its id if it is there already. */
    static int schemaId(String registry, String topic, String schema) throws Exception {
        var json = new ObjectMapper();
        var request = HttpRequest.newBuilder(URI.create(registry + "/subjects/" + topic + "-" + TYPE + ".CloudEvent/versions"))
            .timeout(Duration.ofSeconds(10))
            .header("Content-Type", "application/vnd.schemaregistry.v1+json")
            .POST(HttpRequest.BodyPublishers.ofString(json.writeValueAsString(Map.of("schema", schema)))).build();
        var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IllegalStateException("registry: " + answer.statusCode() + " " + answer.body());
        }
        return json.readTree(answer.body()).get("id").intValue();
    }
}
