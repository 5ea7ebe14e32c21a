import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.core.Jvm;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueue;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueueBuilder;
import net.openhft.chronicle.wire.DocumentContext;

/**
 * Chronicle Queue, driven line by line over stdin: each command is answered by one line, its own time in nanoseconds in front.
 *
 *   open FOLDER          append COUNT MILLIS (until the time is over, or COUNT records are there) → nanoseconds records
 *   scan | walk          all records: each one's key and value copied out, or only stepped over → nanoseconds bytes-or-records
 *   close
 *
 * Its best mode: a single appender and tailer, bytes written straight into the mapped document, no objects, no wire fields, the queue
 * made for bytes, the roll cycle a day so that nothing rolls; a block of 256 MB, so that mapping is rare.
 */
public final class Driver {
  private static final int RECORDS = 1000, KEY_BYTES = 16, VALUE_BYTES = 100;
  private static final boolean ON_PROCESSOR = "cpu".equals(System.getenv("VARVE_BENCH_CLOCK"));
  private final byte[][] keys = new byte[RECORDS][KEY_BYTES];
  private final byte[][] values = new byte[RECORDS][VALUE_BYTES];
  private SingleChronicleQueue queue;
  private ExcerptAppender appender;

  public static void main(String[] args) throws IOException {
    Jvm.setExceptionHandlers(null, null, null);
    Driver driver = new Driver();
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = commands.readLine()) != null;) System.out.println("= " + driver.answer(line.split(" ")));
    System.exit(0);
  }

  private Driver() {
    for (int i = 0; i < RECORDS; i++) {
      for (int b = 0; b < KEY_BYTES; b++) keys[i][b] = (byte) ('a' + (i + b) % 26);
      for (int b = 0; b < VALUE_BYTES; b++) values[i][b] = (byte) ('a' + (i * 7 + b) % 26);
    }
  }

  /** On the wall, or as long as this thread was on a processor. */
  private static long now() {
    return ON_PROCESSOR ? ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() : System.nanoTime();
  }

  private String answer(String[] words) {
    switch (words[0]) {
      case "open": return open(words[1]);
      case "append": return append(Long.parseLong(words[1]), Long.parseLong(words[2]) * 1_000_000);
      case "scan": return scan(true);
      case "walk": return scan(false);
      case "close": queue.close(); return "0 0";
      default: throw new IllegalArgumentException(words[0]);
    }
  }

  private String open(String folder) {
    queue = SingleChronicleQueueBuilder.binary(folder).blockSize(256 << 20).build();
    appender = queue.createAppender();
    return "0 0";
  }

  private String append(long most, long nanoseconds) {
    long count = 0;
    long started = now(), elapsed;
    do {
      for (int i = 0; i < RECORDS; i++) appendOne(i);
      count += RECORDS;
      elapsed = now() - started;
    } while (count < most && elapsed < nanoseconds);
    return elapsed + " " + count;
  }

  private void appendOne(int i) {
    try (DocumentContext document = appender.writingDocument()) {
      document.wire().bytes().write(keys[i]).write(values[i]);
    }
  }

  private String scan(boolean copies) {
    byte[] key = new byte[KEY_BYTES], value = new byte[VALUE_BYTES];
    long sum = 0;
    long started = now();
    try (ExcerptTailer tailer = queue.createTailer()) {
      for (;;) {
        try (DocumentContext document = tailer.readingDocument()) {
          if (!document.isPresent()) break;
          if (copies) {
            Bytes<?> bytes = document.wire().bytes();
            sum += bytes.read(key);
            sum += bytes.read(value);
          } else {
            sum++;
          }
        }
      }
    }
    return (now() - started) + " " + sum;
  }
}
