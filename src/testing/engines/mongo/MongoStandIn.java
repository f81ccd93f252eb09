import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.h2.mvstore.MVStore;

/**
 * A server that speaks MongoDB's wire protocol, for tests: mongo-java-server over one H2 file, made to keep three promises that it does not keep
 * by itself. Arguments: port on 127.0.0.1, path of the file. Ends on SIGTERM with the file closed.
 */
public final class MongoStandIn {
  /** The current driver refuses servers older than wire version 9 (MongoDB 4.4), and the library's own choices end at 8. */
  private static final MongoVersion VERSION = new MongoVersion() {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(4, 4, 0);
    }

    @Override
    public int getWireVersion() {
      return 9;
    }
  };

  public static void main(String[] args) {
    int port = Integer.parseInt(args[0]);
    MVStore store = new MVStore.Builder().fileName(args[1]).open();
    // Each write commits, and what it replaced is of no use to anyone: without this the file grows by every version of every page for 45 s.
    store.setRetentionTime(0);
    H2Backend backend = new H2Backend(store);
    backend.version(VERSION);
    MongoServer server = new MongoServer(exact(backend, store));
    try {
      server.bind("127.0.0.1", port);
    } catch (RuntimeException refused) {
      // The library's own threads would keep the process, and whoever waits for it, for ever.
      refused.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
  }

  /**
   * One request at a time; its answer is a copy, because the library's shares live documents, which a later request changes while the answer is
   * being encoded; and what it wrote is in the file before the answer leaves, so that kill -9 loses nothing acknowledged.
   */
  private static MongoBackend exact(MongoBackend backend, MVStore store) {
    Object lock = new Object();
    return (MongoBackend) Proxy.newProxyInstance(
        MongoStandIn.class.getClassLoader(),
        new Class<?>[] {MongoBackend.class},
        (proxy, method, arguments) -> {
          synchronized (lock) {
            try {
              return copied(method.invoke(backend, arguments));
            } catch (InvocationTargetException failed) {
              throw failed.getCause();
            } finally {
              // A commit under a lock of its own, shared by those who wait for it, was 10 % faster: not worth a second lock.
              if (!store.isClosed() && store.hasUnsavedChanges()) store.commit();
            }
          }
        });
  }

  private static Object copied(Object answer) {
    if (answer instanceof Document document) return document.cloneDeeply();
    if (answer instanceof QueryResult result) {
      List<Document> documents = new ArrayList<>();
      for (Document document : result) documents.add(document.cloneDeeply());
      return new QueryResult(documents, result.getCursorId());
    }
    return answer;
  }
}
