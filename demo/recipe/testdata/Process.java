/** Starts a process, and says where this machine lives. */
public class Process {
    public static void main(String[] args) throws Exception {
        new ProcessBuilder("/bin/echo", "child").inheritIO().start().waitFor();
        System.out.println(System.getProperty("java.home"));
    }
}
