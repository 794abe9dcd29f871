import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;

/** Serves an in-memory MongoDB on a loopback port until the process is stopped. */
class MongoTestServer {
    public static void main(String[] args) {
        new MongoServer(new SnapshotBackend()).bind("127.0.0.1", Integer.parseInt(args[0]));
    }
}

/** Answers with copies: the memory backend's own answers hold live documents, which a later update would still change. */
class SnapshotBackend extends MemoryBackend {
    @Override
    public synchronized Document handleMessage(MongoMessage message) {
        return super.handleMessage(message).cloneDeeply();
    }
}
