// A pool of two threads: one adds a key, the other looks for it. Debian: apt install libjna-java
import com.sun.jna.Library;
import com.sun.jna.Native;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

public class Pool {
    interface Keyutils extends Library {
        Keyutils KEYS = Native.load("libkeyutils.so.1", Keyutils.class);
        int PROCESS = -2;

        int keyctl_get_keyring_ID(int ring, int create);

        int add_key(String type, String name, byte[] value, long size, int ring);

        long keyctl_search(int ring, String type, String name, int destination);
    }

    public static void main(String[] args) throws Exception {
        Keyutils.KEYS.keyctl_get_keyring_ID(Keyutils.PROCESS, 1); // the fix
        var looks = new CountDownLatch(1);
        var added = new CountDownLatch(1);
        var pool = Executors.newFixedThreadPool(2);
        var look = pool.submit(() -> {
            looks.countDown();
            added.await();
            return Keyutils.KEYS.keyctl_search(Keyutils.PROCESS, "user", "db", 0);
        });
        looks.await();
        pool.submit(() -> {
            byte[] value = "correct horse battery".getBytes();
            Keyutils.KEYS.add_key("user", "db", value, value.length, Keyutils.PROCESS);
            added.countDown();
        });
        System.out.println("found: " + look.get());
        pool.shutdown();
    }
}
