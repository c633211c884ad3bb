# java: compiles its source in memory, then runs threads.
cat > Work.java << 'JAVA'
import java.util.*;
import java.util.stream.*;
import java.util.zip.*;
public class Work {
    public static void main(String[] args) {
        long sum = IntStream.range(0, 8).parallel().mapToLong(n -> {
            Random random = new Random(n);
            TreeMap<String, Integer> map = new TreeMap<>();
            for (int i = 0; i < 50000; i++) map.merge(Integer.toString(random.nextInt(3000), 36), 1, Integer::sum);
            CRC32 crc = new CRC32();
            Deflater deflater = new Deflater();
            deflater.setInput(map.toString().getBytes());
            deflater.finish();
            byte[] buffer = new byte[1 << 16];
            while (!deflater.finished()) crc.update(buffer, 0, deflater.deflate(buffer));
            deflater.end();
            return crc.getValue();
        }).sum();
        System.out.println(sum);
    }
}
JAVA
LD_PRELOAD=$PRELOAD java Work.java
